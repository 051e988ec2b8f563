import type { ErrorCode } from "./errors.ts";

/** Who a request comes from. */
export type Identity =
  /** `refusal` says why the credentials that came along count for nothing, or is null when none came. */
  | { kind: "nobody"; refusal: ErrorCode | null }
  /** A workspace's key, by the token that POST /auth gave for it; another `nonce` is another secret of that name.
   * `isSystem` administers all. */
  | {
      kind: "workspace";
      workspaceId: number;
      name: string;
      keyName: string;
      nonce: string;
      isSystem: boolean;
    }
  /** Without a token it is a session. */
  | { kind: "user"; userId: number; name: string; tokenId: number | null }
  | { kind: "worker"; tokenId: number };

/** A person who is logged in. */
export interface Session {
  /** SHA-256 of the session's id. */
  idHash: string;
  userId: number;
  user: string;
}

/** Where a change comes from, for the audit. */
export interface Origin {
  requestId: string;
  /** The client's network (http/client-network.ts). */
  network: string;
}

/** Who changes something, and when. */
export interface Author {
  /** `actorOf()` of them. */
  actor: string;
  now: number;
  /** Of the request that asked for it, if one did. */
  origin?: Origin | undefined;
}

/** Who did what the service does by itself. */
export const SERVICE_ACTOR = "stowage";

/** Whose calls and rows are counted together, of who did something: a workspace with all its keys is one, or it would make
 * more of them to be more callers. The audit counts likewise. */
export function callerOf(actor: string): string {
  const end = actor.indexOf("/");
  return end === -1 ? actor : actor.slice(0, end + 1);
}

/** An identity as the events of what it changed name it. */
export function actorOf(identity: Identity): string {
  switch (identity.kind) {
    case "nobody":
      return "nobody";
    case "workspace":
      return `${identity.name}/${identity.keyName}`;
    case "user":
      return `user ${identity.name}`;
    case "worker":
      return `worker ${identity.tokenId}`;
  }
}

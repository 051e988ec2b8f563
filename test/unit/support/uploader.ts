// Uploads of a workspace, made as the API makes them.

import { env } from "cloudflare:workers";

import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { insertUpload } from "../../../src/catalog/publish/uploads.ts";
import { valueOf } from "../../../src/protocol/errors.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import { UploadGateway } from "../../../src/uploads/gateway.ts";

export class Uploader {
  readonly gateway: UploadGateway;
  readonly #workspaceId: number;

  constructor({ id }: Workspace) {
    this.gateway = new UploadGateway(env.UPLOADS, id);
    this.#workspaceId = id;
  }

  /** An upload that is listed and empty. */
  async open(): Promise<Uuid> {
    const uuid = newUuid();
    await insertUpload(env.DB, uuid, this.#workspaceId, Date.now());
    valueOf(await this.gateway.open(uuid));
    return uuid;
  }

  /** An upload with some bytes. */
  async upload(data: Uint8Array): Promise<Uuid> {
    const uuid = await this.open();
    const terms = { offset: null, length: data.length };
    valueOf(await this.gateway.append(uuid, new Blob([data]).stream(), terms));
    return uuid;
  }

  /** A version of an artifact; gives the upload that it was. */
  async publish(name: string, data: Uint8Array): Promise<Uuid> {
    const uuid = await this.upload(data);
    const intent = {
      workspaceId: this.#workspaceId,
      type: "image",
      name,
      sourceUrl: `sf://upload/owner/${name}`,
      shared: false,
      actor: "owner/ci",
      gift: false,
    };
    valueOf(await this.gateway.seal(uuid, intent, { size: null, sha512: null }));
    return uuid;
  }
}

// Names: what a stranger publishes, and whom a stranger trusts, changes nothing that a tenant asks for by a name (SECURITY.md, T13, T39).

import { createHash, randomUUID } from "node:crypto";

import { describe, expect, it } from "vitest";

import { OPERATIONS, makeThings } from "./support/operations.ts";
import { makeTenant, service } from "./support/target.ts";
import type { Tenant } from "./support/target.ts";

/** What asks by a name or for a list, on things of the caller's. */
const READS = OPERATIONS.filter(
  ({ method, path }) =>
    method === "GET" && !/apidocs|openapi|metrics|audit|\{namespace\}\/keys/u.test(path),
);

async function readAll(
  tenant: Tenant,
  values: Record<string, string>,
): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  for (const { name, path } of READS) {
    const filled = path.replaceAll(/\{(\w+)\}/gu, (_, part: string) => values[part] ?? "none");
    for (const accept of ["application/json", "text/html"]) {
      const headers = { Authorization: `Bearer ${tenant.bearer}`, Accept: accept };
      const response = await fetch(service.origin + filled, { headers, redirect: "manual" });
      answers.set(`${name} ${accept}`, `${response.status} ${await response.text()}`);
    }
  }
  return answers;
}

/** Without what differs each time. */
function statusOf(answer: string): string {
  return answer.slice(0, 3);
}

describe("strangers who trust a workspace unasked", () => {
  it("show it nothing of theirs under any name, and make none ambiguous", async () => {
    const victim = await makeTenant();
    const things = await makeThings(victim);
    const content = Buffer.from(randomUUID());
    await service.upload("base.img", content, victim.bearer);
    const sha512 = createHash("sha512").update(content).digest("hex");
    const values = {
      ref: "nightly.img",
      name: "nightly.img",
      namespace: victim.name,
      uuid: things.upload,
      algorithm: "sha512",
      hash: sha512,
      id: things.artifactId,
    };
    const before = await readAll(victim, values);
    const strangers = [await makeTenant(), await makeTenant()];
    const marks: string[] = [];
    for (const { name, bearer } of strangers) {
      const body = { external_namespace: victim.name };
      const trust = await service.send("POST", `/auth/namespaces/${name}/trust`, body, bearer);
      await trust.arrayBuffer();
      const evil = await service.upload("nightly.img", Buffer.from(randomUUID()), bearer);
      const same = await service.upload("same", content, bearer);
      const note = { value: `note of ${name}` };
      await service.json("PUT", `/blobs/${same.blob_uuid}/metadata/verified-by`, note, bearer);
      marks.push(evil.uuid, same.uuid, note.value);
    }
    const after = await readAll(victim, values);
    const changed = [...after].filter(
      ([name, answer]) => statusOf(answer) !== statusOf(before.get(name) ?? ""),
    );
    expect(changed.map(([name]) => name)).toEqual([]);
    const told = [...after].filter(([, answer]) => marks.some((mark) => answer.includes(mark)));
    expect(told.map(([name]) => name)).toEqual([]);
  });
});

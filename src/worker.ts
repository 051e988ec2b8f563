import { DurableObject } from "cloudflare:workers";

export class UploadObject extends DurableObject<Env> {}

export default {
  fetch: () => new Response("stub"),
} satisfies ExportedHandler<Env>;

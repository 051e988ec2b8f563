import { bodyOfUnknownLength, writeBytes } from "../http/stream-bytes.ts";

/** Answers a JSON array, of which a page is in memory at a time. What fails on the first page is an error as any;
 * later it cuts the connection, so that no client takes a part for the whole. */
export async function respondWithArray(
  pages: AsyncGenerator<readonly unknown[]>,
): Promise<Response> {
  const first = await pages.next();
  const body = bodyOfUnknownLength(async (to) => {
    const encoder = new TextEncoder();
    let text = "[";
    let separator = "";
    for (let page = first; !(page.done ?? false); page = await pages.next()) {
      for (const item of page.value ?? []) {
        text += separator + JSON.stringify(item);
        separator = ",";
      }
      await writeBytes(to, encoder.encode(text));
      text = "";
    }
    await writeBytes(to, encoder.encode(`${text}]`));
  });
  return new Response(body, { headers: { "Content-Type": "application/json" } });
}

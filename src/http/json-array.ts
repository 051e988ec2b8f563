/** A JSON array as a body, one page of it in memory at a time; the next page is asked for when the client has
 * taken the one before. A page that fails cuts the connection: the array is never short but closed. */
export function jsonArray<T>(
  pages: AsyncIterator<readonly T[]>,
  toReply: (item: T) => unknown,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let opening = "[";
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let text = "";
        while (text === "") {
          const { done, value } = await pages.next();
          if (done === true) {
            controller.enqueue(encoder.encode(opening === "[" ? "[]" : "]"));
            controller.close();
            return;
          }
          text = value.map((item) => JSON.stringify(toReply(item))).join(",");
        }
        controller.enqueue(encoder.encode(opening + text));
        opening = ",";
      },
      async cancel() {
        await pages.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

export interface ParsedElement {
  tag: string;
  attributes: Record<string, string>;
  text: string;
}

/** The elements of a document in document order, each with its attributes and all text inside it. */
export async function parsePage(html: string): Promise<ParsedElement[]> {
  const elements: ParsedElement[] = [];
  const open: ParsedElement[] = [];
  const rewriter = new HTMLRewriter()
    .on("*", {
      element(element) {
        const attributes: Record<string, string> = {};
        for (const [name = "", value = ""] of element.attributes) {
          attributes[name] = decode(value);
        }
        const parsed = { tag: element.tagName, attributes, text: "" };
        elements.push(parsed);
        if (!VOID_TAGS.has(element.tagName)) {
          open.push(parsed);
          element.onEndTag(() => {
            open.splice(open.lastIndexOf(parsed), 1);
          });
        }
      },
    })
    .onDocument({
      text(chunk) {
        for (const element of open) {
          element.text += chunk.text;
        }
      },
    });
  await rewriter.transform(new Response(html)).text();
  for (const element of elements) {
    element.text = decode(element.text);
  }
  return elements;
}

/** The tags and attribute names of a document: what hostile text must not change. */
export async function structureOf(html: string): Promise<string[]> {
  const elements = await parsePage(html);
  return elements.map(({ tag, attributes }) => [tag, ...Object.keys(attributes)].join(" "));
}

const VOID_TAGS = new Set(["img", "input", "link", "meta", "wbr"]);

const ENTITIES: Record<string, string> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
  "&amp;": "&",
};

function decode(text: string): string {
  return text.replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => ENTITIES[entity] ?? entity);
}

// What the highlighter has to know of a language. The words are many and rarely wanted, so they are a static file,
// public/languages.json, and no part of every cold start.

/** What a run of text is; also its class in style.css. */
export type Hue = "comment" | "string" | "number" | "keyword" | "name" | "added" | "removed";

/** Text between two marks. */
export interface Span {
  hue: Hue;
  open: string;
  close: string;
  /** The character that takes the next one its meaning. */
  escape?: string;
  /** Only at the start of a line or behind a space. */
  alone?: boolean;
}

/** A language of words, numbers, comments and strings. */
export interface Code {
  kind: "code";
  spans: readonly Span[];
  keywords: ReadonlySet<string>;
  /** Do lines begin with names, as in YAML? */
  keys: boolean;
  ignoresCase: boolean;
}

export type Language = { kind: "diff" } | { kind: "markup" } | Code;

/** Languages by the extensions and names of their files, in lower case. */
export type Languages = ReadonlyMap<string, Language>;

/** What the static file holds. `names`, `spans` and `keywords` are separated by spaces. */
export interface LanguagesFile {
  spans: Record<string, Span>;
  languages: ({ names: string } & ({ kind: "diff" | "markup" } | CodeEntry))[];
}

interface CodeEntry {
  kind: "code";
  spans: string;
  keywords: string;
  keys?: boolean;
  ignoresCase?: boolean;
}

let loaded: Languages | null = null;

/** The languages; none when the file cannot be had: text is shown without colours then. */
export async function loadLanguages(assets: Env["ASSETS"]): Promise<Languages> {
  if (loaded === null) {
    try {
      const response = await assets.fetch("https://assets/languages.json");
      loaded = parseLanguages(await response.json<LanguagesFile>());
    } catch (error) {
      console.error("Cannot load the languages", error);
      return new Map();
    }
  }
  return loaded;
}

/** Takes in what the static file holds. */
export function parseLanguages({ spans, languages }: LanguagesFile): Languages {
  return new Map(
    languages.flatMap(({ names, ...entry }) => {
      const language = entry.kind === "code" ? toCode(entry, spans) : entry;
      return names.split(" ").map((name) => [name, language] as const);
    }),
  );
}

function toCode(entry: CodeEntry, known: LanguagesFile["spans"]): Code {
  const { kind, keywords, keys = false, ignoresCase = false } = entry;
  const spans = entry.spans.split(" ").flatMap((name) => known[name] ?? []);
  return { kind, spans, keywords: new Set(keywords.split(" ")), keys, ignoresCase };
}

/** The language of a file by its extension, or by its name where that is known; null for plain text. */
export function languageOf(languages: Languages, fileName: string): Language | null {
  const name = fileName.toLowerCase();
  const extension = name.slice(name.lastIndexOf(".") + 1);
  return languages.get(extension) ?? languages.get(name.split(".")[0] ?? "") ?? null;
}

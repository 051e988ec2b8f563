// What the highlighter has to know of a language, by the names of its files.

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

const HASH = comment("#", "\n", { alone: true });
const SEMICOLON = comment(";", "\n", { alone: true });
const SLASHES = comment("//", "\n");
const DASHES = comment("--", "\n");
const BLOCK = comment("/*", "*/");

const DOUBLE = quote('"');
const SINGLE = quote("'");
const BACKTICK = quote("`");
const TRIPLE = [quote('"""'), quote("'''")];
const RAW_SINGLE: Span = { hue: "string", open: "'", close: "'" };

function comment(open: string, close: string, options: { alone?: boolean } = {}): Span {
  return { hue: "comment", open, close, ...options };
}

function quote(mark: string): Span {
  return { hue: "string", open: mark, close: mark, escape: "\\" };
}

function code(
  spans: readonly Span[],
  keywords: string,
  options: { keys?: boolean; ignoresCase?: boolean } = {},
): Code {
  const words = new Set(keywords.trim().split(/\s+/u));
  return { kind: "code", spans, keywords: words, keys: false, ignoresCase: false, ...options };
}

const C_LIKE = [SLASHES, BLOCK];
const FLOW = `if else for while do switch case default break continue return`;

const C = `${FLOW} auto char const double enum extern float goto inline int long register restrict short signed sizeof
  static struct typedef union unsigned void volatile bool true false NULL nullptr class namespace template typename
  public private protected virtual override final new delete this throw try catch using operator friend constexpr
  noexcept static_cast dynamic_cast reinterpret_cast const_cast explicit mutable`;
const JVM = `${FLOW} abstract class interface enum extends implements import package public private protected static
  final void new this super throw throws try catch finally instanceof true false null boolean byte char short int
  long float double synchronized transient volatile var val fun when is in object companion override open data sealed
  record trait def match with yield lazy implicit internal suspend using namespace string async await readonly`;
const SCRIPT = `${FLOW} as async await class const debugger delete enum export extends false finally from function get
  implements import in instanceof interface keyof let new null of package private protected public readonly satisfies
  set static super this throw true try type typeof undefined var void yield catch declare namespace`;
const PYTHON = `False None True and as assert async await break class continue def del elif else except finally for from
  global if import in is lambda match nonlocal not or pass raise return try while with yield case self`;
const GO = `${FLOW} chan const defer fallthrough func go goto import interface map package range select struct type var
  nil true false make new append len error string int bool byte`;
const RUST = `as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move
  mut pub ref return self Self static struct super trait true type unsafe use where while`;
const RUBY = `alias and begin break case class def defined do else elsif end ensure false for if in module next nil not or
  redo require rescue retry return self super then true undef unless until when while yield`;
const SHELL = `if then else elif fi for while until do done case esac in function select return exit break continue local
  export readonly declare set unset shift source trap eval exec true false cd echo printf test`;
const PHP = `${FLOW} abstract and array as class clone const declare echo elseif extends final finally fn foreach function
  global implements include include_once instanceof interface match namespace new null or private protected public
  readonly require require_once static throw trait true false try catch use var yield`;
const PERL = `if elsif else unless while until for foreach do last next redo return sub my our local use no package require
  and or not eq ne lt gt le ge cmp print die warn undef`;
const LUA = `and break do else elseif end false for function goto if in local nil not or repeat return then true until while`;
const SQL = `select from where insert into values update set delete create table index view drop alter add column primary key
  foreign references not null unique default check and or in is like between join left right inner outer on group by order
  having limit offset union all distinct as case when then else end begin commit rollback transaction with exists
  integer text varchar boolean timestamp constraint cascade trigger if`;
const DOCKER = `from run cmd label expose env add copy entrypoint volume user workdir arg onbuild stopsignal healthcheck shell as`;
const CMAKE = `if else elseif endif foreach endforeach while endwhile function endfunction macro endmacro return set include
  project add_executable add_library target_link_libraries find_package install message option`;
const CONSTANTS = "true false null yes no on off none";

const LANGUAGES: readonly [names: string, language: Language][] = [
  ["diff patch", { kind: "diff" }],
  ["html htm xhtml xml svg xsl xslt rss atom plist vue csproj pom", { kind: "markup" }],
  ["c h cc cpp cxx hh hpp m mm proto thrift d dts dtsi", code([...C_LIKE, DOUBLE, SINGLE], C)],
  [
    "java kt kts scala groovy gradle cs swift dart jenkinsfile",
    code([...C_LIKE, ...TRIPLE, DOUBLE, SINGLE], JVM),
  ],
  ["js mjs cjs jsx ts mts cts tsx", code([...C_LIKE, DOUBLE, SINGLE, BACKTICK], SCRIPT)],
  ["py pyi bzl", code([HASH, ...TRIPLE, DOUBLE, SINGLE], PYTHON)],
  ["go", code([...C_LIKE, DOUBLE, SINGLE, BACKTICK], GO)],
  // A single quote begins a lifetime more often than a character.
  ["rs", code([...C_LIKE, DOUBLE], RUST)],
  ["rb gemfile rakefile vagrantfile", code([HASH, DOUBLE, SINGLE], RUBY)],
  ["sh bash zsh fish makefile mk justfile", code([HASH, DOUBLE, RAW_SINGLE], SHELL)],
  ["php", code([...C_LIKE, HASH, DOUBLE, SINGLE], PHP)],
  ["pl pm", code([HASH, DOUBLE, SINGLE], PERL)],
  ["lua", code([comment("--[[", "]]"), DASHES, DOUBLE, SINGLE], LUA)],
  ["sql", code([DASHES, BLOCK, RAW_SINGLE, DOUBLE], SQL, { ignoresCase: true })],
  ["css scss less", code([BLOCK, DOUBLE, SINGLE], "", { keys: true })],
  ["json jsonl ndjson", code([DOUBLE], CONSTANTS, { keys: true })],
  ["yaml yml", code([HASH, DOUBLE, SINGLE], CONSTANTS, { keys: true })],
  [
    "toml ini cfg conf properties env service hcl tf nix editorconfig",
    code([HASH, SEMICOLON, ...TRIPLE, DOUBLE, SINGLE], CONSTANTS, { keys: true }),
  ],
  ["dsc changes buildinfo control", code([HASH], "", { keys: true })],
  ["dockerfile containerfile", code([HASH, DOUBLE, SINGLE], DOCKER, { ignoresCase: true })],
  ["cmake cmakelists", code([HASH, DOUBLE], CMAKE, { ignoresCase: true })],
];

const BY_NAME = new Map(
  LANGUAGES.flatMap(([names, language]) =>
    names.split(" ").map((name) => [name, language] as const),
  ),
);

/** The language of a file by its extension, or by its name where that is known; null for plain text. */
export function languageOf(fileName: string): Language | null {
  const name = fileName.toLowerCase();
  const extension = name.slice(name.lastIndexOf(".") + 1);
  return BY_NAME.get(extension) ?? BY_NAME.get(name.split(".")[0] ?? "") ?? null;
}

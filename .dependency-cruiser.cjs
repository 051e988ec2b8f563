// Who may import whom. Each folder of src/ lists the folders it may reach; anything else fails the check.
const shared = ["app-env.ts", "settings.ts"];
const folders = {
  protocol: [],
  openapi: ["protocol"],
  budget: ["protocol"],
  http: ["protocol", "budget"],
  archive: ["protocol"],
  blobs: ["protocol", "budget"],
  catalog: ["protocol"],
  manifest: ["protocol", "archive/lengths.ts"],
  uploads: ["protocol", "budget", "archive", "blobs", "http", "manifest", "object-tables.ts"],
  drafts: [
    "protocol",
    "budget",
    "blobs",
    "catalog",
    "manifest",
    "uploads/lost-object.ts",
    "artifacts/manifests.ts",
    "object-tables.ts",
  ],
  artifacts: [
    "protocol",
    "budget",
    "archive",
    "blobs",
    "catalog",
    "manifest",
    "uploads",
    "drafts",
    "object-tables.ts",
  ],
  auth: ["protocol", "http", "catalog", ...shared],
  api: [
    "protocol",
    "openapi",
    "budget",
    "http",
    "auth",
    "catalog",
    "blobs",
    "uploads",
    "drafts",
    "artifacts",
    ...shared,
  ],
  pages: [
    "protocol",
    "budget",
    "http",
    "archive",
    "auth",
    "catalog",
    "blobs",
    "artifacts",
    ...shared,
  ],
};

/** The folders of catalog/: each may reach what stands beside them, and these. */
const catalogFolders = {
  access: ["audit"],
  audit: [],
  artifacts: ["access", "audit", "contents"],
  contents: ["audit", "artifacts/find.ts"],
  publish: ["access", "artifacts", "contents"],
  pages: ["artifacts"],
  upkeep: ["artifacts", "contents", "publish/artifact-key.ts"],
};

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no-orphans",
      severity: "error",
      from: { orphan: true, path: "^src/", pathNot: "\\.d\\.ts$" },
      to: {},
    },
    {
      name: "src-never-imports-test",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|bench|scripts)/" },
    },
    {
      name: "bare-stands-alone",
      severity: "error",
      from: { path: "^bench/bare/" },
      // The checksums of Stowage have no cheaper form: a job tells what they alone cost.
      to: {
        path: "^(src|test|scripts|node_modules)/|^bench/(?!bare/)",
        pathNot: "^src/blobs/checksums\\.ts$",
      },
    },
    {
      name: "node-only-for-crypto",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(artifacts/sha256|auth/passwords|http/body-check).ts" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "hono-at-the-edge",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(api|pages|auth)/|^src/app" },
      to: { path: "node_modules/hono/" },
    },
    ...Object.entries(folders).map(([folder, allowed]) => ({
      name: `${folder}-reaches-too-far`,
      severity: "error",
      from: { path: `^src/${folder}/` },
      to: { path: "^src/", pathNot: `^src/(${[folder, ...allowed].join("|")})(/|$)` },
    })),
    ...Object.entries(catalogFolders).map(([folder, allowed]) => ({
      name: `catalog-${folder}-reaches-too-far`,
      severity: "error",
      from: { path: `^src/catalog/${folder}/` },
      to: {
        path: "^src/catalog/[^/]+/",
        pathNot: `^src/catalog/(${[folder, ...allowed].join("|")})(/|$)`,
      },
    })),
  ],
  options: {
    tsPreCompilationDeps: true, // type-only imports count too
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^cloudflare:" },
  },
};

// SECURITY.md: ASVS 5.1.1.

import { describe, expect, it } from "vitest";

import { servedAs } from "../../../src/http/media-types.ts";

describe("servedAs()", () => {
  it.each([
    "a.txt",
    "build.log",
    "README.md",
    "data.json",
    "x.csv",
    "ci.yml",
    "Cargo.toml",
    "main.rs",
    "app.PY",
    "README",
    "LICENSE",
    "Makefile",
    "makefile",
    "SHA256SUMS",
    "Dockerfile",
    ".gitignore",
    "a.tar.sha256",
  ])("shows %s as plain text", (fileName) => {
    expect(servedAs(fileName)).toEqual({
      contentType: "text/plain; charset=utf-8",
      disposition: "inline",
    });
  });

  it.each([
    ["a.png", "image/png"],
    ["a.jpg", "image/jpeg"],
    ["a.JPEG", "image/jpeg"],
    ["a.gif", "image/gif"],
    ["a.webp", "image/webp"],
    ["a.pdf", "application/pdf"],
  ])("shows %s as %s", (fileName, contentType) => {
    expect(servedAs(fileName)).toEqual({ contentType, disposition: "inline" });
  });

  it.each([
    "a.html",
    "a.HTM",
    "a.xhtml",
    "a.xht",
    "a.shtml",
    "a.svg",
    "a.svgz",
    "a.xml",
    "a.xsl",
    "a.rdf",
    "a.mathml",
    "a.js",
    "a.mjs",
    "a.cjs",
    "a.jsx",
    "a.css",
    "a.wasm",
    "a.swf",
    "a.hta",
    "a.mht",
    "a.txt.html",
    "README.html",
  ])("lets no browser run %s", (fileName) => {
    expect(servedAs(fileName)).toEqual({
      contentType: "application/octet-stream",
      disposition: "attachment",
    });
  });

  it.each([
    "a.bin",
    "a.tar.gz",
    "a.iso",
    "core",
    "txt",
    "png",
    "a.txt ",
    "a.",
    ".",
    "",
    "a.txt\u0000",
    "a.__proto__",
    "constructor",
    "a.constructor",
  ])("downloads %j, which it does not know", (fileName) => {
    expect(servedAs(fileName)).toEqual({
      contentType: "application/octet-stream",
      disposition: "attachment",
    });
  });
});

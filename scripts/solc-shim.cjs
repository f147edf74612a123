#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Offers the npm package `solc` with the two options of the `solc` program that py-solc-x uses. The package's own
// command reads standard input synchronously, which fails on a pipe that is not full yet; this one waits for it.
const path = require("node:path");
const solc = require(path.join(__dirname, "..", "node_modules", "solc"));

const refuseImport = () => ({ error: "imports must be part of the sources" });

if (process.argv.includes("--version")) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else if (process.argv.includes("--standard-json")) {
  let input = "";
  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (chunk) => (input += chunk));
  process.stdin.on("end", () => process.stdout.write(solc.compile(input, { import: refuseImport })));
} else {
  console.error("only --version and --standard-json are supported");
  process.exitCode = 2;
}

// Compiles the contracts with the compiler of the lock file and runs the Solidity tests. Nothing here reaches the
// network: the compiler is the npm package `solc`, which Hardhat runs as WebAssembly, and telemetry is off.
import { createRequire } from "node:module";
import { defineConfig } from "hardhat/config";

process.env.HARDHAT_DISABLE_TELEMETRY = "true";

// scripts/compile_contracts.py sets this to a fresh folder, so that no stale cache can pass for a build.
const output = process.env.PUHUI_HARDHAT_OUTPUT ?? "build/hardhat";

export default defineConfig({
  paths: {
    sources: "contracts",
    tests: { solidity: "tests/contracts" },
    artifacts: `${output}/artifacts`,
    cache: `${output}/cache`,
  },
  solidity: {
    compilers: [
      {
        version: "0.8.37",
        path: createRequire(import.meta.url).resolve("solc/soljson.js"),
        // scripts/compile_contracts.py refuses to run if its own copy of these settings differs.
        settings: {
          evmVersion: "cancun",
          optimizer: { enabled: true, runs: 200 },
          metadata: { bytecodeHash: "none" },
        },
      },
    ],
    npmFilesToBuild: ["@openzeppelin/contracts/access/manager/AccessManager.sol"],
  },
  test: {
    solidity: {
      blockTimestamp: 1_792_771_200n, // 2026-10-24 00:00 in UTC+8
      isolate: true,
      fuzz: { runs: 128, seed: "0x5068" },
      invariant: { runs: 32, depth: 64, failOnRevert: true },
    },
  },
});

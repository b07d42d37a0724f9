#!/usr/bin/env -S node --single-threaded-gc
// The flag: see docs/performance.md.
import { main } from '../dist/main.js';

process.exitCode = await main(process.argv.slice(2));

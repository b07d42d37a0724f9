export { Closing } from './closing.js';
export { type Running, runProgram } from './run-program.js';
export { type Environment, readSettings, type SettingsReader, SettingsRefused } from './settings.js';
export { versionIn } from './version.js';

export * from './checksum-files.js';
export * from './companion.js';
export * from './compile-rules.js';
export * from './explain-selection.js';
export * from './name-pattern.js';
export * from './select.js';
export * from './settled.js';

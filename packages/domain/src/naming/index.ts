export * from './business-day.js';
export * from './claim-name.js';
export * from './conflict.js';
export * from './part-name.js';
export * from './part-naming.js';
export * from './target-path.js';
export { parseTemplate, type Template, TemplateRefused, whyTemplateRefused } from './template.js';

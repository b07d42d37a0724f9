export { type OfferedKey, type ReadKey, readOfferedKey } from './openpgp/read-key.js';
export { TransformError } from './transform-error.js';

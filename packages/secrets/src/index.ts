export { loadMasterKeyFile, type MasterKey, MasterKeyRefused, parseMasterKey } from './master-key.js';
export { createSigner, type Signature, type Signer, verifySignature } from './signer.js';
export { createVault, SecretRefused, type Vault } from './vault.js';

export type { AuthAttempt, SimulatorUser } from './authentication.js';
export { generateKeyPair, type KeyPair } from './keys.js';
export { type Simulator, type SimulatorEvent, type SimulatorOptions, startSimulator } from './simulator.js';

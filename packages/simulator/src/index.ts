export type { AuthAttempt, SimulatorUser } from './authentication.js';
export { generateKeyPair, type KeyPair } from './keys.js';
export { behaviourOf, PersonalityRefused, personalities } from './personalities.js';
export type { Behaviour, Channel, Personality, Setting } from './personality.js';
export type { Serve, SftpAnswer, SftpRequest } from './requests.js';
export { type Simulator, type SimulatorEvent, type SimulatorOptions, startSimulator } from './simulator.js';

export { type Host, type HostSettings, hostMigrate, hostUp, readHostSettings } from './host.js';
export { main } from './main.js';

// `npm start [-- options of waybill up]`: the service itself, in this process, so that signals and the exit code are its own.
import { runTool, setUp } from './setup.mjs';

await runTool(async (args) => {
  setUp();
  const { main } = await import('../apps/cli/dist/main.js');
  return main(['up', ...args]);
});

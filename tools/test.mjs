// `npm test`: everything. `npm test -- --fast`: lint, types and unit tests. The last line counts the tests, and lint
// and types as one check each: "N passed, N failed, N skipped".
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { installed, root, runTool, SetupFailed, setUp, step } from './setup.mjs';

const CI = Boolean(process.env.CI) && process.env.CI !== 'false';

/** What the tests start or load, and the Debian packages it comes in. */
const PROGRAMS = {
  sshd: 'openssh-server',
  'sftp-server': 'openssh-sftp-server',
  proftpd: 'proftpd-core',
  'mod_sftp.so': 'proftpd-mod-crypto',
  dropbear: 'dropbear-bin',
  'libnss_wrapper.so': 'libnss-wrapper',
  rclone: 'rclone',
  microsocks: 'microsocks',
  tinyproxy: 'tinyproxy-bin',
  'ssh-keygen': 'openssh-client',
  sftp: 'openssh-client',
  'redis-server': 'redis-server',
  gpg: 'gnupg',
  zip: 'zip',
  unzip: 'unzip',
  'python3/dist-packages/swift/proxy/server.py': 'python3-swift',
};

await runTool(async (args) => {
  const fast = args.includes('--fast');
  const unknown = args.filter((arg) => arg !== '--fast');
  if (unknown.length > 0)
    throw new SetupFailed(`unknown argument ${unknown.join(' ')}; the only one is --fast`);
  const before = changedFiles();
  setUp();
  if (!fast) installPrograms();

  const totals = { passed: 0, failed: 0, skipped: 0 };
  const suites = fast ? ['unit'] : ['unit', 'integration', 'e2e'];
  const steps = [
    () => check('Lint', [['biome', 'check', '.']]),
    () =>
      check('Types', [
        ['tsc', '-b', '--force'],
        ['tsc', '-p', 'tsconfig.check.json'],
      ]),
    ...suites.map((suite) => () => runSuite(suite)),
    () => checkTree(before),
  ];
  for (const run of steps) for (const [kind, count] of Object.entries(run())) totals[kind] += count;

  if (CI && totals.skipped > 0) console.error('\nSkipped tests hide holes: in CI they fail the run.');
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  return totals.failed > 0 || (CI && totals.skipped > 0) ? 1 : 0;
});

/** Installs what is missing, where this account may. @throws SetupFailed with the command to run, where it may not */
function installPrograms() {
  const missing = Object.keys(PROGRAMS).filter((program) => !find(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => PROGRAMS[program]))];
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages];
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (!find('apt-get') || (sudo.length > 0 && spawnSync('sudo', ['-n', 'true']).status !== 0))
    throw new SetupFailed(
      `The tests need programs that are not installed: ${missing.join(', ')}.\n` +
        `On Debian or Ubuntu run\n\n  sudo apt-get update && sudo ${install.join(' ')}\n\nand start the tests again ` +
        '("npm test -- --fast" does without them).',
    );
  const run = (title, command) => {
    const [program, ...rest] = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', ...command];
    step(title, program, rest);
  };
  run('Reading the package lists', ['apt-get', 'update']);
  run(`Installing ${packages.join(', ')}`, install);
  if (packages.includes('proftpd-core'))
    console.log(
      'Debian starts an FTP server with proftpd-core. The tests start their own: ' +
        '"sudo systemctl disable --now proftpd" ends the other one.',
    );
}

/** The path of a program; those of administrators, and libraries, are not on everybody's PATH. */
function find(program) {
  const machine = { x64: 'x86_64', arm64: 'aarch64' }[process.arch] ?? process.arch;
  const directories = [
    ...(process.env.PATH ?? '').split(':'),
    ...['/usr/sbin', '/usr/local/sbin', '/sbin'],
    ...['/usr/lib', '/usr/lib/proftpd', `/usr/lib/${machine}-linux-gnu`],
  ];
  return directories
    .map((directory) => path.join(directory, program))
    .find((file) => {
      try {
        accessSync(file, /\.(so|py)$/.test(file) ? constants.R_OK : constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function check(title, commands) {
  console.log(`\n== ${title}`);
  const passed = commands.every(
    ([program, ...args]) => spawnSync(installed(program), args, { cwd: root, stdio: 'inherit' }).status === 0,
  );
  if (passed) return { passed: 1 };
  console.error(`${title}: failed`);
  return { failed: 1 };
}

function runSuite(suite) {
  console.log(`\n== Tests: ${suite}`);
  const directory = mkdtempSync(path.join(tmpdir(), 'waybill-test-'));
  const report = path.join(directory, 'report.json');
  const args = ['run', '--project', suite, '--reporter=default', '--reporter=json', `--outputFile=${report}`];
  try {
    const { status } = spawnSync(installed('vitest'), args, { cwd: root, stdio: 'inherit' });
    const counts = readReport(report);
    // A file that does not load, an error outside of a test, no tests at all.
    if (status !== 0 && counts.failed === 0) counts.failed = 1;
    return counts;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function readReport(file) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests,
      skipped: report.numPendingTests + report.numTodoTests,
    };
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** Tests must not write into the tree. On a developer's machine it may as well have been the editor. */
function checkTree(before) {
  const after = changedFiles();
  const appeared = after.filter((line) => !before.includes(line));
  if (appeared.length === 0) return {};
  console.error(`\nThe tree changed while the tests ran:\n${appeared.join('\n')}`);
  return CI ? { failed: 1 } : {};
}

function changedFiles() {
  const { status, stdout } = spawnSync('git', ['status', '--porcelain', '--untracked-files=all'], {
    cwd: root,
    encoding: 'utf8',
  });
  return status === 0 ? stdout.split('\n').filter(Boolean) : [];
}

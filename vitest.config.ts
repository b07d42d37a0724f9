import { defineConfig } from 'vitest/config';

// Workspace packages are read from src, so tests need no build.
const conditions = ['@waybill/source', 'node', 'development|production'];
const resolve = { resolve: { conditions }, ssr: { resolve: { conditions } } };
const workspaces = '{packages,apps}/*/src';

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        ...resolve,
        test: {
          name: 'unit',
          include: [`${workspaces}/**/*.test.ts`, 'tools/**/*.test.ts'],
          exclude: ['**/*.integration.test.ts'],
        },
      },
      {
        ...resolve,
        test: {
          name: 'integration',
          include: [`${workspaces}/**/*.integration.test.ts`],
          globalSetup: ['packages/testkit/src/postgres-setup.ts'],
          hookTimeout: 60_000,
          testTimeout: 60_000,
        },
      },
      {
        ...resolve,
        test: {
          name: 'e2e',
          include: ['test/**/*.test.ts'],
          globalSetup: ['packages/testkit/src/postgres-setup.ts'],
          hookTimeout: 120_000,
          testTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});

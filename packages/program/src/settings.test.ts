import { expect, it } from 'vitest';
import { readSettings, SettingsRefused } from './settings.js';

const read = (environment: Record<string, string>) =>
  readSettings(environment, (from) => ({
    url: from.required('URL', 'where the database is'),
    port: from.integer('PORT', 80, { min: 1, max: 65_535 }),
    level: from.choice('LEVEL', 'info', ['info', 'debug']),
    pools: from.list('POOLS', ['default']),
    note: from.optional('NOTE'),
  }));

it('takes what is set and falls back where nothing is', () => {
  expect(read({ URL: 'x', POOLS: 'a, b,' })).toEqual({
    url: 'x',
    port: 80,
    level: 'info',
    pools: ['a', 'b'],
    note: undefined,
  });
});

it('names everything that is wrong at once', () => {
  const wrong = () => read({ PORT: '70000', LEVEL: 'loud' });
  expect(wrong).toThrow(SettingsRefused);
  expect(wrong).toThrow(/URL is not set[\s\S]*PORT is "70000"[\s\S]*LEVEL is "loud"/);
});

it('lists what a parser says among the other problems', () => {
  const parse = () => {
    throw new Error('KEY must be 44 characters');
  };
  const wrong = () =>
    readSettings({ KEY: 'x' }, (from) => [
      from.required('URL', 'where'),
      from.parsed('KEY', 'the key', parse),
    ]);
  expect(wrong).toThrow(/URL is not set[\s\S]*KEY must be 44 characters/);
});

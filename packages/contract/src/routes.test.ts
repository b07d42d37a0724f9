import { expect, it } from 'vitest';
import { buildOpenApiDocument } from './openapi.js';
import type { Route } from './route.js';
import { routes } from './routes.js';

const table = Object.entries<Route>(routes);
const document = buildOpenApiDocument({ version: '1.2.3' });

function operations() {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Record<string, { operationId: string }>).map(([method, operation]) => ({
      path,
      method,
      operation,
    })),
  );
}

it('the OpenAPI document has every route of the table, and no other', () => {
  const documented = operations().map(({ path, method, operation }) => [operation.operationId, method, path]);
  const actual = table.map(([name, route]) => [name, route.method, route.path]);
  expect(documented.sort()).toEqual(actual.sort());
});

it('every reference in the OpenAPI document leads to a schema', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
  const schemas = Object.keys(document.components?.schemas ?? {});
  expect(references.length).toBeGreaterThan(100);
  expect(references.map((match) => match[1]).filter((name) => !schemas.includes(name ?? ''))).toEqual([]);
});

it('every parameter in a path is declared, and every declared one is in the path', () => {
  for (const [name, { path, params }] of table) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    expect([name, Object.keys(params?.shape ?? {})]).toEqual([name, inPath]);
  }
});

it('every body and every record has a name and the request bodies an example that is valid', () => {
  for (const [name, { body }] of table) {
    const { id, example } = body?.meta() ?? {};
    if (id === undefined) continue;
    expect([name, body?.safeParse(example).success]).toEqual([name, true]);
  }
});

it('only health, readiness and this document itself are open to everybody', () => {
  const open = table.filter(([, { scope }]) => scope === null).map(([, { path }]) => path);
  expect(open).toEqual(['/healthz', '/readyz', '/openapi.json']);
});

it('no answer has room for a secret', () => {
  const members = new Set<string>();
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      if (key === 'properties') for (const member of Object.keys(value)) members.add(member);
      if (key === '$ref') visit(document.components?.schemas?.[String(value).split('/').at(-1) ?? '']);
      else visit(value);
    }
  };
  for (const { operation } of operations()) visit((operation as { responses?: unknown }).responses);
  expect(members).toContain('bytesMoved');
  expect([...members].filter((m) => /^(password|privateKey|passphrase|envelope|keyHash)$/.test(m))).toEqual(
    [],
  );
});

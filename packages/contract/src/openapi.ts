import { OpenAPIRegistry, OpenApiGeneratorV31 } from '@asteasolutions/zod-to-openapi';
import { problem, problems } from './problems.js';
import { problemsOf, type Route } from './route.js';
import { type RouteName, routes } from './routes.js';
import { progress, run } from './runs.js';

export interface OpenApiOptions {
  /** The version of Waybill. */
  readonly version: string;
}

export type OpenApiDocument = ReturnType<OpenApiGeneratorV31['generateDocument']>;

/** The OpenAPI 3.1 document of everything in {@link routes}. */
export function buildOpenApiDocument({ version }: OpenApiOptions): OpenApiDocument {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key: `Authorization: Bearer wb_…`.',
  });
  for (const [routeName, route] of Object.entries(routes) as [RouteName, Route][])
    registerRoute(registry, routeName, route);

  // Sent inside the event stream, so no response refers to it.
  const streamed = [run, progress].map((schema) => ({ type: 'schema' as const, schema }));
  return new OpenApiGeneratorV31([...streamed, ...registry.definitions]).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Waybill',
      version,
      description:
        'Managed file transfer: partners, transfers, schedules, runs, and the proof of what happened.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
  });
}

function registerRoute(registry: OpenAPIRegistry, operationId: RouteName, route: Route): void {
  registry.registerPath({
    method: route.method,
    path: route.path,
    operationId,
    summary: route.summary,
    tags: [route.tag],
    ...(route.scope === null
      ? { security: [] }
      : { security: [{ apiKey: [] }], description: `Needs the scope \`${route.scope}\`.` }),
    request: {
      ...(route.params ? { params: route.params } : {}),
      ...(route.query ? { query: route.query } : {}),
      ...(route.headers ? { headers: route.headers } : {}),
      ...(route.body
        ? {
            body: {
              required: !route.body.safeParse(undefined).success,
              content: { 'application/json': { schema: route.body } },
            },
          }
        : {}),
    },
    responses: { ...answersOf(route), ...refusalsOf(route) },
  });
}

function answersOf(route: Route) {
  return Object.fromEntries(
    Object.entries(route.responses).map(([status, { description, schema, contentType }]) => [
      status,
      { description, content: { [contentType ?? 'application/json']: { schema } } },
    ]),
  );
}

/** One response a status: problems that share one are told apart by their code. */
function refusalsOf(route: Route) {
  const codes = problemsOf(route).filter((code) => !(problems[code].status in route.responses));
  return Object.fromEntries(
    codes.map((code) => {
      const { status } = problems[code];
      const sharing = codes.filter((other) => problems[other].status === status);
      return [
        status,
        {
          description: sharing.map((other) => `\`${other}\`: ${problems[other].title}`).join('; '),
          content: { 'application/problem+json': { schema: problem } },
        },
      ];
    }),
  );
}

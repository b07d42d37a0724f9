import { type Route, type RouteName, routeNames, routes } from '@waybill/contract';
import type { Express, Request, RequestHandler, Response } from 'express';
import type { ApiDeps } from './deps.js';
import type { ApiRequest, Handler, Handlers } from './handler.js';
import { authenticate } from './plugins/authenticate.js';
import { authorize } from './plugins/authorize.js';
import { readBody } from './plugins/read-body.js';
import { actorOf } from './plugins/request-context.js';
import { validate } from './plugins/validate.js';
import { Refusal } from './refusal.js';

/** Serves every route of the contract, and answers 405 for other methods on the same paths. */
export function mountRoutes(app: Express, deps: ApiDeps, handlers: Handlers): void {
  const authenticated = authenticate(deps);
  for (const name of routeNames) {
    const handler = handlers[name] as unknown as AnyHandler;
    mountRoute(app, deps, authenticated, name, handler);
  }
  for (const [path, allowed] of methodsByPath()) app.all(path, refuseMethod(allowed));
}

/** A handler whose route is only known at run time. */
type AnyHandler = (
  ...args: Parameters<Handler<RouteName>>
) => Promise<{ readonly status: number; readonly body: unknown } | undefined>;

/** Who asks comes before what is asked: a stranger's body is not even read. */
function mountRoute(
  app: Express,
  deps: ApiDeps,
  authenticated: RequestHandler,
  name: RouteName,
  handler: AnyHandler,
): void {
  const route: Route = routes[name];
  const steps: RequestHandler[] = [];
  if (route.scope !== null) steps.push(authenticated, authorize(deps, route.scope));
  if (route.body) steps.push(...readBody);
  app[route.method](expressPath(route), ...steps, async (req: Request, res: Response) => {
    const request = {
      ...validate(route, req),
      context: { database: deps.database, actor: actorOf(req, res) },
    };
    const reply = await handler(request as ApiRequest<RouteName>, { req, res });
    if (reply) res.status(reply.status).json(reply.body);
  });
}

function expressPath(route: Route): string {
  return route.path.replace(/\{(\w+)\}/g, ':$1');
}

function methodsByPath(): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const route of Object.values<Route>(routes)) {
    const path = expressPath(route);
    methods.set(path, [...(methods.get(path) ?? []), route.method.toUpperCase()]);
  }
  return methods;
}

function refuseMethod(methods: readonly string[]): RequestHandler {
  const allow = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
  return (req) => {
    throw new Refusal('method-not-allowed', `${req.path} takes ${allow}, not ${req.method}.`, {
      headers: { allow },
    });
  };
}

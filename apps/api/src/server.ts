import express, { type Express } from 'express';
import helmet from 'helmet';
import { createAfterCommit } from './after-commit.js';
import type { ApiDeps } from './deps.js';
import type { Handlers } from './handler.js';
import { mountRoutes } from './mount.js';
import { answerProblems, refuseUnknownRoute } from './plugins/problems.js';
import { requestContext } from './plugins/request-context.js';
import { apiKeyRoutes } from './routes/api-keys.js';
import { auditEventRoutes } from './routes/audit-events.js';
import { calendarRoutes } from './routes/calendars.js';
import { endpointCheckRoutes } from './routes/endpoint-checks.js';
import { endpointRoutes } from './routes/endpoints.js';
import { hostKeyRoutes } from './routes/host-keys.js';
import { notificationRoutes } from './routes/notifications.js';
import { openPgpKeyRoutes } from './routes/openpgp-keys.js';
import { partnerRoutes } from './routes/partners.js';
import { runRoutes } from './routes/runs.js';
import { scheduleRoutes } from './routes/schedules.js';
import { serviceRoutes } from './routes/service.js';
import { transferRoutes } from './routes/transfers.js';
import { watchRoutes } from './routes/watch-run.js';
import { workerRoutes } from './routes/workers.js';
import { createRunWatch } from './run-watch.js';

/** The API as an Express application that does not listen yet. */
export function buildApi(deps: ApiDeps): Express {
  const app = express();
  app.disable('etag');
  app.set('query parser', 'simple');
  app.set('trust proxy', deps.trustedProxies ?? false);
  app.use(requestContext(deps.log));
  app.use(helmet());
  mountRoutes(app, deps, buildHandlers(deps));
  app.use(refuseUnknownRoute);
  app.use(answerProblems(deps.log));
  return app;
}

function buildHandlers(deps: ApiDeps): Handlers {
  const afterCommit = createAfterCommit(deps);
  return {
    ...partnerRoutes(deps),
    ...endpointRoutes(deps),
    ...endpointCheckRoutes(deps),
    ...hostKeyRoutes(deps, afterCommit),
    ...openPgpKeyRoutes(deps),
    ...transferRoutes(deps),
    ...calendarRoutes(deps),
    ...scheduleRoutes(deps),
    ...runRoutes(deps, afterCommit),
    ...watchRoutes(deps, createRunWatch(deps)),
    ...notificationRoutes(deps),
    ...auditEventRoutes(deps),
    ...apiKeyRoutes(deps),
    ...workerRoutes(deps),
    ...serviceRoutes(deps),
  };
}

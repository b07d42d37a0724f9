import { z } from 'zod';
import { apiKey, apiKeyCreated, apiKeyPage, createApiKey } from './api-keys.js';
import { auditEvent, auditEventFilters, auditEventPage, auditVerification } from './audit-events.js';
import {
  endpointCheck,
  endpointCheckFilters,
  endpointCheckPage,
  endpointCheckQuery,
  requestEndpointCheck,
} from './endpoint-checks.js';
import {
  addHostKey,
  changeHostKey,
  createEndpoint,
  credential,
  endpoint,
  endpointPage,
  hostKey,
  hostKeyList,
  setCredential,
  setProxyCredential,
  updateEndpoint,
} from './endpoints.js';
import { paging, reference } from './fields.js';
import { health, readiness } from './health.js';
import { createPartner, partner, partnerPage, updatePartner } from './partners.js';
import { receipt } from './receipts.js';
import type { Route } from './route.js';
import { attemptList, deliveryFilters, deliveryPage, run, runFilters, runPage } from './runs.js';
import {
  createSchedule,
  occurrencePage,
  schedule,
  schedulePage,
  schedulePreview,
  updateSchedule,
} from './schedules.js';
import { createTransfer, transfer, transferPage, transferVersionPage, updateTransfer } from './transfers.js';
import { workerPage } from './workers.js';

const v1 = '/api/v1';
const params = z.strictObject({ id: reference });
const list = z.strictObject(paging);

/** A body is not needed; one that says something would be ignored, so it is refused. */
const nothing = z.strictObject({}).optional();

const idempotency = z.strictObject({
  'Idempotency-Key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, '1 to 255 visible ASCII characters')
    .optional()
    .meta({
      description:
        'The same key again answers with the run that the first request made, instead of making another one.',
      example: '2026-03-01-statements',
    }),
});

const previewQuery = z.strictObject({
  count: z.coerce.number().int().min(1).max(100).default(10).meta({ description: 'How many, 1 to 100.' }),
});

/** Everything that the API serves, by name. */
export const routes = {
  createPartner: {
    method: 'post',
    path: `${v1}/partners`,
    tag: 'partners',
    summary: 'Define a partner',
    scope: 'define',
    body: createPartner,
    responses: { 201: { description: 'The new partner', schema: partner } },
    problems: ['conflict'],
  },
  listPartners: {
    method: 'get',
    path: `${v1}/partners`,
    tag: 'partners',
    summary: 'List partners by name',
    scope: 'read',
    query: list,
    responses: { 200: { description: 'A page', schema: partnerPage } },
    problems: [],
  },
  getPartner: {
    method: 'get',
    path: `${v1}/partners/{id}`,
    tag: 'partners',
    summary: 'Show a partner',
    scope: 'read',
    params,
    responses: { 200: { description: 'The partner', schema: partner } },
    problems: [],
  },
  updatePartner: {
    method: 'patch',
    path: `${v1}/partners/{id}`,
    tag: 'partners',
    summary: 'Change a partner',
    scope: 'define',
    params,
    body: updatePartner,
    responses: { 200: { description: 'The partner as it is now', schema: partner } },
    problems: ['conflict'],
  },

  createEndpoint: {
    method: 'post',
    path: `${v1}/endpoints`,
    tag: 'endpoints',
    summary: 'Define an endpoint',
    scope: 'define',
    body: createEndpoint,
    responses: { 201: { description: 'The new endpoint', schema: endpoint } },
    problems: ['conflict'],
  },
  listEndpoints: {
    method: 'get',
    path: `${v1}/endpoints`,
    tag: 'endpoints',
    summary: 'List endpoints by name',
    scope: 'read',
    query: z.strictObject({ ...paging, partner: reference.optional() }),
    responses: { 200: { description: 'A page', schema: endpointPage } },
    problems: [],
  },
  getEndpoint: {
    method: 'get',
    path: `${v1}/endpoints/{id}`,
    tag: 'endpoints',
    summary: 'Show an endpoint',
    scope: 'read',
    params,
    responses: { 200: { description: 'The endpoint', schema: endpoint } },
    problems: [],
  },
  updateEndpoint: {
    method: 'patch',
    path: `${v1}/endpoints/{id}`,
    tag: 'endpoints',
    summary: 'Change an endpoint',
    scope: 'define',
    params,
    body: updateEndpoint,
    responses: { 200: { description: 'The endpoint as it is now', schema: endpoint } },
    problems: ['conflict'],
  },
  setCredential: {
    method: 'put',
    path: `${v1}/endpoints/{id}/credential`,
    tag: 'endpoints',
    summary: 'Set or replace the credential; it is stored encrypted and never shown',
    scope: 'define',
    params,
    body: setCredential,
    responses: { 200: { description: 'Kind and time of the credential', schema: credential } },
    problems: [],
  },
  setProxyCredential: {
    method: 'put',
    path: `${v1}/endpoints/{id}/proxy-credential`,
    tag: 'endpoints',
    summary: 'Set or replace the password of the proxy; it is stored encrypted and never shown',
    scope: 'define',
    params,
    body: setProxyCredential,
    responses: { 200: { description: 'Kind and time of the credential', schema: credential } },
    problems: [],
  },
  listHostKeys: {
    method: 'get',
    path: `${v1}/endpoints/{id}/host-keys`,
    tag: 'endpoints',
    summary: 'List the host keys of an endpoint',
    scope: 'read',
    params,
    responses: { 200: { description: 'All host keys', schema: hostKeyList } },
    problems: [],
  },
  addHostKey: {
    method: 'post',
    path: `${v1}/endpoints/{id}/host-keys`,
    tag: 'endpoints',
    summary: 'Pin a host key',
    scope: 'define',
    params,
    body: addHostKey,
    responses: { 201: { description: 'The host key', schema: hostKey } },
    problems: ['conflict'],
  },
  changeHostKey: {
    method: 'patch',
    path: `${v1}/host-keys/{id}`,
    tag: 'endpoints',
    summary: 'Change the state of a host key',
    scope: 'define',
    params,
    body: changeHostKey,
    responses: { 200: { description: 'The host key as it is now', schema: hostKey } },
    problems: [],
  },
  requestEndpointCheck: {
    method: 'post',
    path: `${v1}/endpoints/{id}/checks`,
    tag: 'endpoints',
    summary: 'Have a worker probe an endpoint, or scan the host keys of its server',
    scope: 'operate',
    params,
    body: requestEndpointCheck,
    responses: {
      202: {
        description: 'The new check, or the one of the same kind that is still open',
        schema: endpointCheck,
      },
    },
    problems: [],
  },
  listEndpointChecks: {
    method: 'get',
    path: `${v1}/endpoints/{id}/checks`,
    tag: 'endpoints',
    summary: 'List the checks of an endpoint, newest first',
    scope: 'read',
    params,
    query: endpointCheckFilters,
    responses: { 200: { description: 'A page', schema: endpointCheckPage } },
    problems: [],
  },
  getEndpointCheck: {
    method: 'get',
    path: `${v1}/endpoint-checks/{id}`,
    tag: 'endpoints',
    summary: 'Show a check; with `wait`, once it is over',
    scope: 'read',
    params,
    query: endpointCheckQuery,
    responses: { 200: { description: 'The check', schema: endpointCheck } },
    problems: [],
  },

  createTransfer: {
    method: 'post',
    path: `${v1}/transfers`,
    tag: 'transfers',
    summary: 'Define a transfer',
    scope: 'define',
    body: createTransfer,
    responses: { 201: { description: 'The new transfer', schema: transfer } },
    problems: ['conflict'],
  },
  listTransfers: {
    method: 'get',
    path: `${v1}/transfers`,
    tag: 'transfers',
    summary: 'List transfers by name',
    scope: 'read',
    query: list,
    responses: { 200: { description: 'A page', schema: transferPage } },
    problems: [],
  },
  getTransfer: {
    method: 'get',
    path: `${v1}/transfers/{id}`,
    tag: 'transfers',
    summary: 'Show a transfer with its current definition',
    scope: 'read',
    params,
    responses: { 200: { description: 'The transfer', schema: transfer } },
    problems: [],
  },
  updateTransfer: {
    method: 'patch',
    path: `${v1}/transfers/{id}`,
    tag: 'transfers',
    summary: 'Change a transfer; another definition is a new version',
    scope: 'define',
    params,
    body: updateTransfer,
    responses: { 200: { description: 'The transfer as it is now', schema: transfer } },
    problems: ['conflict'],
  },
  listTransferVersions: {
    method: 'get',
    path: `${v1}/transfers/{id}/versions`,
    tag: 'transfers',
    summary: 'List the versions of a transfer, newest first',
    scope: 'read',
    params,
    query: list,
    responses: { 200: { description: 'A page', schema: transferVersionPage } },
    problems: [],
  },

  createSchedule: {
    method: 'post',
    path: `${v1}/schedules`,
    tag: 'schedules',
    summary: 'Define when a transfer runs',
    scope: 'define',
    body: createSchedule,
    responses: { 201: { description: 'The new schedule', schema: schedule } },
    problems: ['conflict'],
  },
  listSchedules: {
    method: 'get',
    path: `${v1}/schedules`,
    tag: 'schedules',
    summary: 'List schedules by name',
    scope: 'read',
    query: z.strictObject({ ...paging, transfer: reference.optional() }),
    responses: { 200: { description: 'A page', schema: schedulePage } },
    problems: [],
  },
  getSchedule: {
    method: 'get',
    path: `${v1}/schedules/{id}`,
    tag: 'schedules',
    summary: 'Show a schedule',
    scope: 'read',
    params,
    responses: { 200: { description: 'The schedule', schema: schedule } },
    problems: [],
  },
  updateSchedule: {
    method: 'patch',
    path: `${v1}/schedules/{id}`,
    tag: 'schedules',
    summary: 'Change a schedule',
    scope: 'define',
    params,
    body: updateSchedule,
    responses: { 200: { description: 'The schedule as it is now', schema: schedule } },
    problems: ['conflict'],
  },
  previewSchedule: {
    method: 'get',
    path: `${v1}/schedules/{id}/preview`,
    tag: 'schedules',
    summary: 'Show the next due times',
    scope: 'read',
    params,
    query: previewQuery,
    responses: { 200: { description: 'The due times', schema: schedulePreview } },
    problems: [],
  },
  listOccurrences: {
    method: 'get',
    path: `${v1}/schedules/{id}/occurrences`,
    tag: 'schedules',
    summary: 'List the occurrences of a schedule, newest first',
    scope: 'read',
    params,
    query: list,
    responses: { 200: { description: 'A page', schema: occurrencePage } },
    problems: [],
  },

  triggerRun: {
    method: 'post',
    path: `${v1}/transfers/{id}/runs`,
    tag: 'runs',
    summary: 'Run a transfer now',
    scope: 'operate',
    params,
    body: nothing,
    headers: idempotency,
    responses: {
      201: { description: 'The new run', schema: run },
      200: { description: 'The run that an earlier request with the same key made', schema: run },
    },
    problems: ['conflict', 'state-conflict'],
  },
  listRuns: {
    method: 'get',
    path: `${v1}/runs`,
    tag: 'runs',
    summary: 'List runs, newest first',
    scope: 'read',
    query: runFilters,
    responses: { 200: { description: 'A page', schema: runPage } },
    problems: [],
  },
  getRun: {
    method: 'get',
    path: `${v1}/runs/{id}`,
    tag: 'runs',
    summary: 'Show a run',
    scope: 'read',
    params,
    responses: { 200: { description: 'The run', schema: run } },
    problems: [],
  },
  listDeliveries: {
    method: 'get',
    path: `${v1}/runs/{id}/deliveries`,
    tag: 'runs',
    summary: 'List the files of a run, in the order of their selection',
    scope: 'read',
    params,
    query: deliveryFilters,
    responses: { 200: { description: 'A page', schema: deliveryPage } },
    problems: [],
  },
  listAttempts: {
    method: 'get',
    path: `${v1}/runs/{id}/attempts`,
    tag: 'runs',
    summary: 'List the attempts of a run',
    scope: 'read',
    params,
    responses: { 200: { description: 'All attempts', schema: attemptList } },
    problems: [],
  },
  getReceipt: {
    method: 'get',
    path: `${v1}/runs/{id}/receipt`,
    tag: 'runs',
    summary: 'Show the receipt of a run that has ended',
    scope: 'read',
    params,
    responses: { 200: { description: 'The receipt', schema: receipt } },
    problems: ['state-conflict'],
  },
  cancelRun: {
    method: 'post',
    path: `${v1}/runs/{id}/cancel`,
    tag: 'runs',
    summary: 'Cancel a run; one that moves files stops soon after',
    scope: 'operate',
    params,
    body: nothing,
    responses: { 200: { description: 'The run as it is now', schema: run } },
    problems: ['state-conflict'],
  },
  retryRun: {
    method: 'post',
    path: `${v1}/runs/{id}/retry`,
    tag: 'runs',
    summary: 'Send a run that did not succeed back to the queue; what was delivered stays delivered',
    scope: 'operate',
    params,
    body: nothing,
    responses: { 200: { description: 'The run as it is now', schema: run } },
    problems: ['state-conflict'],
  },
  watchRun: {
    method: 'get',
    path: `${v1}/runs/{id}/events`,
    tag: 'runs',
    summary:
      'Follow a run live: events `snapshot` and `state` (a Run), `progress` (a Progress); ends after the final state',
    scope: 'read',
    params,
    responses: {
      200: {
        description: 'Server-sent events',
        schema: z.string(),
        contentType: 'text/event-stream',
      },
    },
    problems: [],
  },

  listAuditEvents: {
    method: 'get',
    path: `${v1}/audit-events`,
    tag: 'audit',
    summary: 'List audit events, newest first',
    scope: 'audit',
    query: auditEventFilters,
    responses: { 200: { description: 'A page', schema: auditEventPage } },
    problems: [],
  },
  verifyAuditEvents: {
    method: 'get',
    path: `${v1}/audit-events/verification`,
    tag: 'audit',
    summary: 'Walk the whole chain of audit events and name the first one that is wrong',
    scope: 'audit',
    responses: { 200: { description: 'What was found', schema: auditVerification } },
    problems: [],
  },
  getAuditEvent: {
    method: 'get',
    path: `${v1}/audit-events/{id}`,
    tag: 'audit',
    summary: 'Show an audit event',
    scope: 'audit',
    params,
    responses: { 200: { description: 'The event', schema: auditEvent } },
    problems: [],
  },

  createApiKey: {
    method: 'post',
    path: `${v1}/api-keys`,
    tag: 'api-keys',
    summary: 'Make an API key; the answer is the only place that shows it',
    scope: 'admin',
    body: createApiKey,
    responses: { 201: { description: 'The record and the key', schema: apiKeyCreated } },
    problems: ['conflict'],
  },
  listApiKeys: {
    method: 'get',
    path: `${v1}/api-keys`,
    tag: 'api-keys',
    summary: 'List API keys by name',
    scope: 'admin',
    query: list,
    responses: { 200: { description: 'A page', schema: apiKeyPage } },
    problems: [],
  },
  getApiKey: {
    method: 'get',
    path: `${v1}/api-keys/{id}`,
    tag: 'api-keys',
    summary: 'Show an API key: what it may do, never the key itself',
    scope: 'admin',
    params,
    responses: { 200: { description: 'The record', schema: apiKey } },
    problems: [],
  },
  revokeApiKey: {
    method: 'post',
    path: `${v1}/api-keys/{id}/revoke`,
    tag: 'api-keys',
    summary: 'Revoke an API key, at once and for good',
    scope: 'admin',
    params,
    body: nothing,
    responses: { 200: { description: 'The record as it is now', schema: apiKey } },
    problems: [],
  },

  listWorkers: {
    method: 'get',
    path: `${v1}/workers`,
    tag: 'workers',
    summary: 'List workers, those that stopped included, newest first',
    scope: 'read',
    query: z.strictObject({
      ...paging,
      active: z
        .enum(['true', 'false'])
        .optional()
        .meta({ description: '`true`: only those whose heartbeat was seen within the last minute.' }),
    }),
    responses: { 200: { description: 'A page', schema: workerPage } },
    problems: [],
  },

  getHealth: {
    method: 'get',
    path: '/healthz',
    tag: 'service',
    summary: 'Does the process answer?',
    scope: null,
    responses: { 200: { description: 'It does', schema: health } },
    problems: [],
  },
  getReadiness: {
    method: 'get',
    path: '/readyz',
    tag: 'service',
    summary: 'Can requests be served? Checks database and queue',
    scope: null,
    responses: {
      200: { description: 'They can', schema: readiness },
      503: { description: 'They cannot', schema: readiness },
    },
    problems: [],
  },
  getOpenApi: {
    method: 'get',
    path: '/openapi.json',
    tag: 'service',
    summary: 'This document',
    scope: null,
    responses: { 200: { description: 'OpenAPI 3.1', schema: z.record(z.string(), z.unknown()) } },
    problems: [],
  },
} as const satisfies Record<string, Route>;

export type Routes = typeof routes;
export type RouteName = keyof Routes;
export const routeNames = Object.keys(routes) as RouteName[];

type Part = 'params' | 'query' | 'headers' | 'body';

/** What a caller writes in `P` of the request; `undefined` where the route takes nothing there. */
export type Asked<N extends RouteName, P extends Part> =
  Routes[N] extends Record<P, infer S extends z.ZodType> ? z.input<S> : undefined;

/** What validation makes of it. */
export type Parsed<N extends RouteName, P extends Part> =
  Routes[N] extends Record<P, infer S extends z.ZodType> ? z.output<S> : undefined;

type Responses<N extends RouteName> = Routes[N]['responses'];

/** Status and body of every answer that is no problem. */
export type Reply<N extends RouteName> = {
  [S in keyof Responses<N>]: Responses<N>[S] extends { schema: infer B extends z.ZodType }
    ? { readonly status: S; readonly body: z.output<B> }
    : never;
}[keyof Responses<N>];

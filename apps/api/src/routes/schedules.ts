import { listOccurrences, listSchedules } from '@waybill/db';
import {
  createSchedule,
  previewRule,
  previewSchedule,
  runForDate,
  updateSchedule,
} from '@waybill/operations';
import { pageOf } from '../cursor.js';
import type { ApiDeps } from '../deps.js';
import { find, idForField, idForFilter } from '../find.js';
import { given } from '../given.js';
import type { Handlers } from '../handler.js';
import { presentOccurrence, presentPreview, presentRun, presentSchedule } from '../presenters.js';

type Names =
  | 'createSchedule'
  | 'listSchedules'
  | 'getSchedule'
  | 'updateSchedule'
  | 'previewSchedule'
  | 'previewRule'
  | 'runForDate'
  | 'listOccurrences';

export function scheduleRoutes({ database }: ApiDeps): Pick<Handlers, Names> {
  return {
    async createSchedule({ body: { transferId, ...values }, context }) {
      const transfer = await idForField(database, 'transfer', transferId, '/transferId');
      return { status: 201, body: presentSchedule(await createSchedule(context, { ...values, transfer })) };
    },
    async listSchedules({ query }) {
      const filter = { transferId: await idForFilter(database, 'transfer', query.transfer) };
      const list = (page: Parameters<typeof listSchedules>[1]) => listSchedules(database, page, filter);
      return { status: 200, body: await pageOf('name', query, list, presentSchedule) };
    },
    async getSchedule({ params }) {
      return { status: 200, body: presentSchedule(await find.schedule(database, params.id)) };
    },
    async updateSchedule({ params, body, context }) {
      return { status: 200, body: presentSchedule(await updateSchedule(context, params.id, given(body))) };
    },
    async previewSchedule({ params, query: { count, from = new Date() } }) {
      const { schedule, occurrences } = await previewSchedule(database, params.id, { count, from });
      return { status: 200, body: presentPreview(schedule.timeZone, occurrences) };
    },
    async previewRule({ body: { count, from = new Date(), ...rule } }) {
      const occurrences = await previewRule(database, rule, { count, from });
      return { status: 200, body: presentPreview(rule.timeZone, occurrences) };
    },
    async runForDate({ params, body: { for: date, again }, context }) {
      const { runs, created } = await runForDate(context, params.id, { date, again });
      return { status: created ? 201 : 200, body: { items: runs.map(presentRun) } };
    },
    async listOccurrences({ params, query }) {
      const { id } = await find.schedule(database, params.id);
      const list = (page: Parameters<typeof listSchedules>[1]) => listOccurrences(database, id, page);
      return { status: 200, body: await pageOf('time', query, list, presentOccurrence) };
    },
  };
}

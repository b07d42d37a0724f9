import { listOccurrences, listSchedules } from '@waybill/db';
import { nextOccurrence } from '@waybill/domain/occurrences';
import { createSchedule, updateSchedule } from '@waybill/operations';
import { pageOf } from '../cursor.js';
import type { ApiDeps } from '../deps.js';
import { find, idForField, idForFilter } from '../find.js';
import { given } from '../given.js';
import type { Handlers } from '../handler.js';
import { presentOccurrence, presentSchedule } from '../presenters.js';

type Names =
  | 'createSchedule'
  | 'listSchedules'
  | 'getSchedule'
  | 'updateSchedule'
  | 'previewSchedule'
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
    async previewSchedule({ params, query }) {
      const schedule = await find.schedule(database, params.id);
      const due: string[] = [];
      for (let after = new Date(); due.length < query.count; due.push(after.toISOString()))
        after = nextOccurrence(schedule, after);
      return { status: 200, body: { scheduleId: schedule.id, timeZone: schedule.timeZone, due } };
    },
    async listOccurrences({ params, query }) {
      const { id } = await find.schedule(database, params.id);
      const list = (page: Parameters<typeof listSchedules>[1]) => listOccurrences(database, id, page);
      return { status: 200, body: await pageOf('time', query, list, presentOccurrence) };
    },
  };
}

import { listCalendars } from '@waybill/db';
import { createCalendar, importHolidays, removeCalendar, updateCalendar } from '@waybill/operations';
import { pageOf } from '../cursor.js';
import type { ApiDeps } from '../deps.js';
import { find } from '../find.js';
import { given } from '../given.js';
import type { Handlers } from '../handler.js';
import { presentCalendar } from '../presenters.js';

type Names =
  | 'createCalendar'
  | 'listCalendars'
  | 'getCalendar'
  | 'updateCalendar'
  | 'importHolidays'
  | 'removeCalendar';

export function calendarRoutes({ database }: ApiDeps): Pick<Handlers, Names> {
  return {
    async createCalendar({ body, context }) {
      return { status: 201, body: presentCalendar(await createCalendar(context, body)) };
    },
    async listCalendars({ query }) {
      const body = await pageOf('name', query, (page) => listCalendars(database, page), presentCalendar);
      return { status: 200, body };
    },
    async getCalendar({ params }) {
      return { status: 200, body: presentCalendar(await find.calendar(database, params.id)) };
    },
    async updateCalendar({ params, body, context }) {
      return { status: 200, body: presentCalendar(await updateCalendar(context, params.id, given(body))) };
    },
    async importHolidays({ params, body, context }) {
      return { status: 200, body: presentCalendar(await importHolidays(context, params.id, body.text)) };
    },
    async removeCalendar({ params, context }) {
      return { status: 200, body: presentCalendar(await removeCalendar(context, params.id)) };
    },
  };
}

import { listNotifications, listSubscriptions } from '@waybill/db';
import {
  createSubscription,
  renewSubscriptionSecret,
  replayNotification,
  testSubscription,
  updateSubscription,
} from '@waybill/operations';
import { pageOf } from '../cursor.js';
import type { ApiDeps } from '../deps.js';
import { find, idForField, idForFilter } from '../find.js';
import { given } from '../given.js';
import type { Handlers } from '../handler.js';
import { presentNotification, presentSubscription } from '../presenters.js';

type Names =
  | 'createSubscription'
  | 'listSubscriptions'
  | 'getSubscription'
  | 'updateSubscription'
  | 'renewSubscriptionKey'
  | 'testSubscription'
  | 'listNotifications'
  | 'getNotification'
  | 'replayNotification';

export function notificationRoutes({ database, vault }: ApiDeps): Pick<Handlers, Names> {
  const partnerOf = async (reference: string | null) =>
    reference === null ? null : await idForField(database, 'partner', reference, '/partnerId');
  return {
    async createSubscription({ body, context }) {
      const partnerId = await partnerOf(body.partnerId);
      const { record, secret } = await createSubscription(context, { ...body, partnerId }, vault);
      return { status: 201, body: { ...presentSubscription(record), signingKey: secret ?? null } };
    },
    async listSubscriptions({ query }) {
      const list = (page: { limit: number; after: string | undefined }) => listSubscriptions(database, page);
      return { status: 200, body: await pageOf('name', query, list, presentSubscription) };
    },
    async getSubscription({ params }) {
      return { status: 200, body: presentSubscription(await find.subscription(database, params.id)) };
    },
    async updateSubscription({ params, body: { partnerId: partner, ...body }, context }) {
      const partnerId = partner === undefined ? undefined : await partnerOf(partner);
      const saved = await updateSubscription(context, params.id, given({ ...body, partnerId }));
      return { status: 200, body: presentSubscription(saved) };
    },
    async renewSubscriptionKey({ params, context }) {
      const { record, secret } = await renewSubscriptionSecret(context, params.id, vault);
      return { status: 200, body: { ...presentSubscription(record), signingKey: secret } };
    },
    async testSubscription({ params, context }) {
      return { status: 202, body: presentNotification(await testSubscription(context, params.id)) };
    },
    async listNotifications({ query: { subscription, state, ...query } }) {
      const subscriptionId = await idForFilter(database, 'subscription', subscription);
      const list = (page: { limit: number; after: string | undefined }) =>
        listNotifications(database, page, { subscriptionId, state });
      return { status: 200, body: await pageOf('id', query, list, presentNotification) };
    },
    async getNotification({ params }) {
      return { status: 200, body: presentNotification(await find.notification(database, params.id)) };
    },
    async replayNotification({ params, context }) {
      const { id } = await find.notification(database, params.id);
      return { status: 202, body: presentNotification(await replayNotification(context, id)) };
    },
  };
}

import { listHostKeys } from '@waybill/db';
import { isId } from '@waybill/domain';
import { addHostKey, changeHostKeyState } from '@waybill/operations';
import type { AfterCommit } from '../after-commit.js';
import type { ApiDeps } from '../deps.js';
import { find } from '../find.js';
import type { Handlers } from '../handler.js';
import { presentHostKey } from '../presenters.js';
import { notFound } from '../refusal.js';

type Names = 'listHostKeys' | 'addHostKey' | 'changeHostKey';

export function hostKeyRoutes({ database }: ApiDeps, afterCommit: AfterCommit): Pick<Handlers, Names> {
  return {
    async listHostKeys({ params }) {
      const endpoint = await find.endpoint(database, params.id);
      const items = (await listHostKeys(database, endpoint.id)).map(presentHostKey);
      return { status: 200, body: { items } };
    },
    async addHostKey({ params, body, context }) {
      const key = await addHostKey(context, params.id, body.key, body.state);
      afterCommit();
      return { status: 201, body: presentHostKey(key) };
    },
    async changeHostKey({ params, body, context }) {
      if (!isId(params.id)) throw notFound('host key', params.id);
      const key = await changeHostKeyState(context, params.id, body.state);
      afterCommit();
      return { status: 200, body: presentHostKey(key) };
    },
  };
}

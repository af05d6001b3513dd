import type { Adapter, AdapterPayload } from 'oidc-provider';
import type { ProviderRows } from './accounts.js';

/** How oidc-provider keeps its sessions, grants and tokens: one adapter per kind of row. */
export const rowAdapter =
  (rows: ProviderRows) =>
  (kind: string): Adapter => {
    const find = async (by: 'id' | 'uid', value: string): Promise<AdapterPayload | undefined> =>
      rows.get(kind, by, value);
    return {
      upsert: async (id, payload, ttl) => {
        rows.put(kind, id, { payload, grant: payload.grantId, uid: payload.uid, ttl });
      },
      find: (id) => find('id', id),
      findByUid: (uid) => find('uid', uid),
      findByUserCode: async () => undefined, // The device flow is off.
      destroy: async (id) => rows.remove(kind, id),
      revokeByGrantId: async (grant) => rows.removeGrant(grant),
      consume: async (id) => {
        const payload = await find('id', id);
        if (!payload) return;
        const { exp } = payload;
        const now = Math.floor(Date.now() / 1_000);
        const ttl = exp === undefined ? undefined : exp - now;
        rows.put(kind, id, { payload: { ...payload, consumed: now }, grant: payload.grantId, uid: payload.uid, ttl });
      },
    };
  };

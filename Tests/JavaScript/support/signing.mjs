// A backend that signs commands, by hand: every part can be another one than it should be.
import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const secret = randomBytes(32);
export const publicLine = line('switchboard-ed25519-public', 'ops-1', publicKey.export({ format: 'jwk' }).x);
export const secretLine = line('switchboard-hmac-sha256-secret', 'ops-2', secret.toString('base64url'));

export function line(kind, id, bytes) {
  return `${kind} ${id} ${bytes}`;
}

export const now = () => Math.floor(Date.now() / 1000);

/** The text of a frame with a command that was signed, its payload as it is written here. */
export function signed(id, { name = 'do', data = '1', base64, key = 'ops-1', to = 'c', issued = now(), seconds = 300, by } = {}) {
  const bytes = base64 === undefined ? Buffer.from(data) : Buffer.from(base64, 'base64');
  const kind = base64 === undefined ? 'data' : 'base64';
  const head = ['switchboard-command-v1', key, to, id, issued, issued + seconds, name, kind, ''].join('\n');
  const statement = Buffer.concat([Buffer.from(head), bytes]);
  const value = key === 'ops-2' ? createHmac('sha256', secret).update(statement).digest() : sign(null, statement, by ?? privateKey);
  const signature = JSON.stringify({ key, issued, expires: issued + seconds, value: value.toString('base64url') });
  const payload = base64 === undefined ? `"data":${data}` : `"base64":"${base64}"`;
  return `{"type":"command","id":${JSON.stringify(id)},"name":${JSON.stringify(name)},"timeout":30,`
    + `"signature":${signature},${payload}}`;
}

// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// Devices: where the account is logged in, and how that ends.
import { $, fill, line, make, onClick, say } from './account-form.js';
import { deviceName, methodName, time } from './account-words.js';

/** @returns what shows them again */
export function prepareDevices({ call }) {
  const load = fill(
    'devices',
    () => call('GET', '/sessions'),
    ({ data }) => {
      // This device first: it is the one that tells the others apart.
      const sessions = [...data].sort((a, b) => Number(b.current) - Number(a.current));
      $('devices-list').replaceChildren(...sessions.map(deviceLine));
      const isAlone = !data.some(({ current }) => !current);
      $('devices-alone').hidden = !isAlone;
      $('devices-end').hidden = isAlone;
    },
  );

  function deviceLine({ id, current, userAgent, address, method, lastSeenAt }) {
    const name = deviceName(userAgent);
    const about = [
      `Last seen ${time(lastSeenAt)}`,
      `by ${methodName(method)}`,
      ...(address ? [address] : []),
    ];
    if (current) {
      return line(
        name,
        about.join(' · '),
        make('span', { className: 'tag good', textContent: 'this device' }),
      );
    }
    const end = make('button', { type: 'button', className: 'quiet small', textContent: 'Log out' });
    end.ariaLabel = `Log out ${name}`;
    onClick(end, 'devices-say', async () => {
      await call('DELETE', `/sessions/${id}`).catch((error) => {
        // Over is over, whoever ended it.
        if (error.code !== 'not_found') throw error;
      });
      say('devices-say', `${name} is logged out.`);
      await load();
    });
    return line(name, about.join(' · '), end);
  }

  onClick($('devices-end'), 'devices-say', async () => {
    await call('DELETE', '/sessions');
    say('devices-say', 'All other devices are logged out.');
    await load();
  });
  return load;
}

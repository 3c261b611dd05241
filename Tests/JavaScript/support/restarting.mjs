// A process that is killed: connects with a state file, says what it handles.
// usage: node restarting.mjs URL FILE
import { Switchboard } from './module.mjs';

const [url, storage] = process.argv.slice(2);
const switchboard = new Switchboard({
  url, storage, clientId: 'c', groups: ['g'], random: () => 0,
  onPush: ({ id }) => process.stdout.write(`push ${id}\n`),
  commands: {
    quick: ({ id }) => {
      process.stdout.write(`command ${id}\n`);
      return `ran ${id}`;
    },
    endless: ({ id }) => {
      process.stdout.write(`command ${id}\n`);
      return new Promise(() => {});
    },
  },
});
switchboard.connect();

/** The same door with the next message version: `bundle.ts` replaces the number. */
export { parseInbox } from '../../lib/app/aws/inbox-event.ts';

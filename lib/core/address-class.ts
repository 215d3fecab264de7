import ipaddr from 'ipaddr.js';

/**
 * What kind of address it is: `public`, or the reason why it is not one (`private`, `loopback`, `linkLocal`,
 * `carrierGradeNat`, `multicast`, `ipv4Mapped`, ...; `invalid` for what is no address at all).
 *
 * Of IPv6 only 2000::/3 is given out to the public (IANA, "IPv6 Global Unicast Address Assignments"), so all else is
 * refused whatever it is. Forms that carry an IPv4 address (mapped, 6to4, Teredo) are refused as such; of NAT64's
 * well-known prefix, by which networks without IPv4 reach all of it, the IPv4 address inside decides.
 */
export function addressClass(text: string): string {
  const bare = text.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  if (!ipaddr.isValid(bare)) return 'invalid';
  const address = ipaddr.parse(bare);
  const range = address.range();
  if (!isV6(address)) return range === 'unicast' ? 'public' : range;
  if (address.match(NAT64, 96)) return addressClass(lastFour(address));
  if (range !== 'unicast') return range;
  return address.match(GLOBAL, 3) ? 'public' : 'reserved';
}

const isV6 = (address: ipaddr.IPv4 | ipaddr.IPv6): address is ipaddr.IPv6 =>
  address.kind() === 'ipv6';

/** RFC 6052. */
const NAT64 = ipaddr.IPv6.parse('64:ff9b::');
const GLOBAL = ipaddr.IPv6.parse('2000::');

const lastFour = (address: ipaddr.IPv6): string => address.toByteArray().slice(-4).join('.');

import { expect, it } from 'vitest';
import { hashOf, routeOf, type Route } from './route.js';

it.each<Route>([
  { view: 'pod' },
  { view: 'connections' },
  { view: 'channels' },
  { view: 'users' },
  { view: 'user', name: 'alice' },
  { view: 'user', name: 'a/b#c?d%e ü<b>' },
  { view: 'channel', name: 'chat:lobby/1' },
])('%j has an address', (route) => {
  expect(routeOf(hashOf(route))).toEqual(route);
});

it.each(['', '#', '#nothing', '#user', '#user/', '#channel/%', '#__proto__'])('%j is the pod', (hash) => {
  expect(routeOf(hash)).toEqual({ view: 'pod' });
});

import { Holdfast } from './holdfast.js';

const client = new Holdfast('/ws'); // nobody is signed in yet, so SignedIn refuses to take an order

client.subscribe('stock:tea', { subscribed: load, message: ({ data }) => showStock(data), gap: load });

/** The number from the HTTP controller; the channel has those that follow. */
async function load() {
  showStock(await (await fetch('/shop/stock')).json());
}

function showStock({ left }) {
  document.querySelector('[role=status]').textContent = `${left} left`;
}

async function signIn() {
  const response = await fetch('/shop/sign-in', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'ann' }),
  });
  return (await response.json()).token;
}

async function order(note) {
  const item = document.createElement('li');
  document.querySelector('ol').append(item);
  try {
    const { id, text } = await client.call('orders.create', { note });
    item.textContent = `${id}: ${text}`;
  } catch (error) {
    item.textContent = error.message;
  }
}

document.querySelector('#sign-in').addEventListener('click', () => client.setToken(signIn));

document.querySelector('form').addEventListener('submit', (event) => {
  event.preventDefault();
  void order(document.querySelector('input').value);
});

import { Holdfast } from '/holdfast.js';

const client = new Holdfast('/ws'); // nobody is signed in yet, so SignedIn refuses to take an order

client.subscribe('stock:tea', { subscribed: load, message: ({ data }) => showStock(data), gap: load });

/** The number from the HTTP controller; the channel has those that follow. */
async function load() {
  showStock(await (await fetch('/shop/stock')).json());
}

function showStock({ left }) {
  document.querySelector('[role=status]').textContent = `${left} left`;
}

document.querySelector('#sign-in').addEventListener('click', async () => {
  client.setToken(async () => {
    const response = await fetch('/shop/sign-in', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'ann' }),
    });
    return (await response.json()).token;
  });
});

document.querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const item = document.createElement('li');
  document.querySelector('ol').append(item);
  try {
    const { id, text } = await client.call('orders.create', { note: document.querySelector('input').value });
    item.textContent = `${id}: ${text}`;
  } catch (error) {
    item.textContent = error.message;
  }
});

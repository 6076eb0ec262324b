// The demo's tenant, with accounts that exist at the payment stand-ins of `npm start` and nowhere else.
export const demoAccounts = {
  stripe: { secretKey: 'sk_test_coinlanedemo', webhookSecret: 'whsec_coinlanedemo' },
  paypal: {
    clientId: 'coinlane-demo-client',
    clientSecret: 'coinlane-demo-secret',
    webhookId: 'WHCOINLANEDEMO',
  },
};

export const demoTenant = {
  slug: 'demo',
  name: 'Demo Arcade',
  coin: { code: 'GEM', name: 'Gem', symbol: '💎' },
  settings: {
    packs: [
      { id: 'starter', name: 'Starter pack', coins: 500, price: 499, currency: 'usd' },
      { id: 'chest', name: 'Treasure chest', coins: 2200, price: 1999, currency: 'usd' },
    ],
    items: [
      { id: 'potion', name: 'Healing potion', price: 15, kind: 'consumable' },
      { id: 'sword', name: 'Old sword', price: 120, kind: 'durable', perUser: 1 },
      { id: 'crown', name: 'Crown', description: 'One of ten', price: 900, kind: 'durable', stock: 10 },
    ],
    providers: demoAccounts,
  },
};

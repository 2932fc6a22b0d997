// Categories as materialised paths: a branch is every path with one prefix.
db.createCollection("categories");
db.categories.createIndex({ path: 1 }, { unique: true });
db.categories.insertMany([
  { _id: "news", path: "/news", title: "News" },
  { _id: "product", path: "/product", title: "Product" },
  { _id: "releases", path: "/product/releases", title: "Releases" },
]);

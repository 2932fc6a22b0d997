db.a.updateMany({}, {$inc: {'items.$[big].q': 10}}, {arrayFilters: [{'big.q': {$gt: 4}}]});

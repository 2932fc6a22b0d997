db.a.updateOne({_id: 3}, {$set: {at: ISODate('2024-02-03T04:05:06.007Z'), re: /^a/i}});

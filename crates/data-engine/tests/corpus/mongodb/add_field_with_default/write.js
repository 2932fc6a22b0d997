db.a.updateOne({_id: 1}, {$set: {views: 7}});
db.a.insertOne({_id: 3, t: 'z', views: 1});

db.runCommand({collMod: 'a', validator: {n: {$exists: true}}, validationLevel: 'strict', validationAction: 'error'});

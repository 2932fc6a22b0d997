db.runCommand({collMod: 'a', validator: {n: {$type: 'int'}}, validationLevel: 'moderate'});

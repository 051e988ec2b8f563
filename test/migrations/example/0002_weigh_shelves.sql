-- Every shelf knows its weight; triggers keep it.
ALTER TABLE shelves ADD COLUMN weight INTEGER NOT NULL DEFAULT 0;

UPDATE shelves SET weight = (SELECT sum(weight) FROM boxes WHERE shelf_id = shelves.id);

-- A box that isn't light; its body has semicolons, a CASE and an END.
CREATE TRIGGER boxes_arrive AFTER INSERT ON boxes WHEN NEW.weight > 0
BEGIN
  UPDATE shelves SET weight = weight + CASE WHEN NEW.weight > 9 THEN NEW.weight ELSE NEW.weight END
  WHERE id = NEW.shelf_id;
  SELECT RAISE(ABORT, 'shelf is full; END') FROM shelves WHERE id = NEW.shelf_id AND weight > 100;
END;

CREATE TABLE labels (shelf_id INTEGER PRIMARY KEY REFERENCES shelves (id), text TEXT NOT NULL);
INSERT INTO labels SELECT id, name || ';' FROM shelves;
INSERT INTO boxes (shelf_id, weight) VALUES (2, 1);
DROP INDEX shelves_by_name;

DROP TABLE cache_settings;

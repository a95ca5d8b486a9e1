<?php // Names and hashes of passwords: lovelace, turing, hopper.
return [
    'ada' => '$2y$10$JqxALZvROkjXGv0dJLWCe.n3qrHp6heuA2F/THKaR.hyW5Z95sd5S',
    'alan' => '$2y$10$DpCOcc1/ZsnkaK1S443UtOgQ4b3MuYPlzfcNAUuw15ud/nJByzDHG',
    'grace' => '$2y$10$Dc6L.JhRWK24ewRH1c5l7enlMqJgyPexK3DazotwYHl5YoIDmI0lC',
];

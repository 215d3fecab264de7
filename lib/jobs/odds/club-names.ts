/** Clubs by country: `name | other spelling | ...`, parted by line ends or semicolons. */
export const CONTINENT = {
  Germany: `
    FC Augsburg; FC Bayern München | Bayern Munich | Bayern München | Bayern; Arminia Bielefeld | Bielefeld
    Borussia Dortmund | Dortmund | Bor. Dortmund; Eintracht Frankfurt | Ein Frankfurt | Frankfurt | E. Frankfurt
    1. FC Köln | FC Koln | Köln | Koeln | Cologne; SC Freiburg | Freiburg; Hannover 96 | Hannover
    Hertha BSC | Hertha | Hertha Berlin; TSG 1899 Hoffenheim | Hoffenheim | TSG Hoffenheim | 1899 Hoffenheim
    Bayer 04 Leverkusen | Leverkusen | Bayer Leverkusen
    Borussia Mönchengladbach | M'gladbach | B. Monchengladbach | Mönchengladbach | Borussia M'gladbach
    1. FSV Mainz 05 | Mainz | FSV Mainz 05 | Mainz 05; RB Leipzig | RasenBallsport Leipzig
    FC Schalke 04 | Schalke 04 | Schalke; VfB Stuttgart | Stuttgart; Werder Bremen | SV Werder Bremen | Bremen
    VfL Wolfsburg | Wolfsburg; FC Erzgebirge Aue | Aue | Erzgebirge Aue; VfL Bochum | Bochum | VfL Bochum 1848
    Eintracht Braunschweig | Braunschweig; Energie Cottbus | Cottbus | FC Energie Cottbus
    SV Darmstadt 98 | Darmstadt | Darmstadt 98; Dynamo Dresden | Dresden | SG Dynamo Dresden; MSV Duisburg | Duisburg
    Fortuna Düsseldorf | Fortuna Dusseldorf | Düsseldorf | F. Düsseldorf
    SpVgg Greuther Fürth | Greuther Furth | Greuther Fürth; Hamburger SV | Hamburg
    1. FC Heidenheim | Heidenheim | 1. FC Heidenheim 1846; FC Ingolstadt 04 | Ingolstadt | FC Ingolstadt
    1. FC Kaiserslautern | Kaiserslautern | K'lautern; Karlsruher SC | Karlsruhe
    1. FC Nürnberg | Nurnberg | Nürnberg | Nuremberg; SC Paderborn 07 | Paderborn | SC Paderborn
    FC St. Pauli | St Pauli | Sankt Pauli; 1. FC Union Berlin | Union Berlin; Holstein Kiel | Kiel
    TSV 1860 München | Munich 1860 | 1860 München | TSV Munich 1860; Hansa Rostock | FC Hansa Rostock | Rostock
  `,
  Italy: `
    Atalanta BC | Atalanta | Atalanta Bergamo; Bologna FC | Bologna | Bologna FC 1909; Cagliari Calcio | Cagliari
    Chievo Verona | Chievo | ChievoVerona; Empoli FC; ACF Fiorentina | Fiorentina; Genoa CFC | Genoa
    Inter Milan | Inter | Internazionale | FC Internazionale Milano; Juventus FC | Juventus | Juventus Turin
    SS Lazio | Lazio | Lazio Rome; US Lecce | Lecce; AC Milan | Milan; SSC Napoli | Napoli
    Parma Calcio 1913 | Parma | Parma Calcio; AS Roma | Roma; UC Sampdoria | Sampdoria
    US Sassuolo | Sassuolo | Sassuolo Calcio; Torino FC; Udinese Calcio | Udinese; Hellas Verona FC | Verona | Hellas Verona
    Ascoli Calcio | Ascoli; US Avellino | Avellino; SSC Bari | Bari; Benevento Calcio | Benevento
    Brescia Calcio | Brescia; Calcio Catania | Catania; AC Cesena | Cesena; AS Cittadella | Cittadella
    Como 1907 | Como | Calcio Como; US Cremonese | Cremonese; FC Crotone; Frosinone Calcio | Frosinone
    AS Livorno | Livorno | Livorno Calcio; Modena FC; Novara Calcio | Novara; US Palermo | Palermo | Palermo FC
    AC Perugia | Perugia | Perugia Calcio; Delfino Pescara | Pescara | Pescara Calcio; Spezia Calcio | Spezia | La Spezia
    Venezia FC; US Salernitana | Salernitana; AC Monza | Monza
  `,
  Spain: `
    Deportivo Alavés | Alaves | Dep. Alavés; Athletic Club | Ath Bilbao | Athletic Bilbao | Athletic Club Bilbao
    Atlético Madrid | Ath Madrid | Atlético de Madrid | Atl. Madrid | Club Atlético de Madrid
    FC Barcelona; Real Betis | Betis | Real Betis Balompié; Celta Vigo | Celta | RC Celta | Celta de Vigo
    SD Eibar | Eibar; Espanyol | Espanol | RCD Espanyol | Espanyol Barcelona; Getafe CF; Girona FC; Granada CF
    Levante UD | Levante; Málaga CF; CA Osasuna | Osasuna; Real Madrid CF; Sevilla FC
    Real Sociedad | Sociedad | R Sociedad; Valencia CF; Real Valladolid | Valladolid; Villarreal CF
    Albacete Balompié | Albacete; AD Alcorcón | Alcorcon; UD Almería | Almeria; Burgos CF; Cádiz CF; FC Cartagena
    Córdoba CF; Elche CF; Gimnàstic de Tarragona | Gimnastic | Gimnàstic; SD Huesca | Huesca; Hércules CF
    Deportivo La Coruña | La Coruna | Dep. La Coruña | Deportivo; UD Las Palmas | Las Palmas; CD Leganés | Leganes
    CD Lugo | Lugo; RCD Mallorca | Mallorca; CD Mirandés | Mirandes; CD Numancia | Numancia; Real Oviedo | Oviedo
    Sporting Gijón | Sp Gijon | Sporting de Gijón | Real Sporting; CD Tenerife | Tenerife; Real Zaragoza | Zaragoza
    Rayo Vallecano | Vallecano; Racing Santander | Santander | Racing de Santander
  `,
  France: `
    Angers SCO | Angers; Girondins de Bordeaux | Bordeaux | Girondins Bordeaux; Stade Brestois 29 | Brest | Stade Brestois
    SM Caen | Caen | Stade Malherbe Caen; EA Guingamp | Guingamp | En Avant Guingamp; Lille OSC | Lille | LOSC Lille
    FC Lorient; Olympique Lyonnais | Lyon | Olympique Lyon; Olympique de Marseille | Marseille | Olympique Marseille
    FC Metz; Montpellier HSC | Montpellier; FC Nantes; OGC Nice | Nice
    Paris Saint-Germain | Paris SG | PSG | Paris St. Germain; Paris FC
    Stade de Reims | Reims; Stade Rennais FC | Rennes | Stade Rennais; AS Saint-Étienne | St Etienne | Saint-Étienne | AS St-Étienne
    RC Strasbourg | Strasbourg | RC Strasbourg Alsace; Toulouse FC; AC Ajaccio | Ajaccio; GFC Ajaccio | Ajaccio GFCO | Gazélec Ajaccio
    AJ Auxerre | Auxerre; SC Bastia | Bastia; Bourg-Péronnas | Bourg Peronnas | FBBP01; LB Châteauroux | Chateauroux | La Berrichonne Châteauroux
    Clermont Foot | Clermont | Clermont Foot 63; Dijon FCO | Dijon; Grenoble Foot 38 | Grenoble; Stade Lavallois | Laval
    Le Havre AC | Le Havre; Le Mans FC; RC Lens | Lens; AS Nancy | Nancy | AS Nancy-Lorraine; Nîmes Olympique | Nimes
    Chamois Niortais | Niort; US Orléans | Orleans; Red Star FC; CS Sedan | Sedan | Sedan Ardennes
    FC Sochaux-Montbéliard | Sochaux | FC Sochaux; Tours FC; ES Troyes AC | Troyes | ESTAC Troyes
    Valenciennes FC
  `,
  Monaco: 'AS Monaco | Monaco | AS Monaco FC',
  Netherlands: `
    AZ Alkmaar | AZ; AFC Ajax | Ajax | Ajax Amsterdam; ADO Den Haag | Den Haag; Feyenoord | Feyenoord Rotterdam
    Fortuna Sittard | For Sittard; Go Ahead Eagles; FC Groningen; SC Heerenveen | Heerenveen
    Heracles Almelo | Heracles; NAC Breda | NAC; NEC Nijmegen | Nijmegen | NEC; PSV Eindhoven | PSV
    Sparta Rotterdam | Sparta; FC Twente | Twente | Twente Enschede; FC Utrecht; Vitesse | Vitesse Arnhem
    Willem II | Willem II Tilburg; PEC Zwolle | Zwolle | FC Zwolle; Roda JC | Roda | Roda JC Kerkrade
  `,
  Belgium: `
    RSC Anderlecht | Anderlecht; Royal Antwerp FC | Antwerp | Royal Antwerp; Beerschot VA | Beerschot
    Cercle Brugge | Cercle Brugge KSV; Sporting Charleroi | Charleroi | RSC Charleroi
    Club Brugge | Club Brugge KV | FC Bruges; KAS Eupen | Eupen | AS Eupen; KRC Genk | Genk | Racing Genk
    KAA Gent | Gent | AA Gent; KV Kortrijk | Kortrijk; KV Mechelen | Mechelen; KV Oostende | Oostende | Ostend
    Oud-Heverlee Leuven | OH Leuven; Sint-Truiden | St Truiden | Sint-Truidense VV | St. Truiden
    Union Saint-Gilloise | St. Gilloise | Union St. Gilloise | Royale Union SG
    Standard Liège | Standard | Standard de Liège
  `,
  Portugal: `
    Académica de Coimbra | Academica | Académica; FC Arouca; Os Belenenses | Belenenses | CF Os Belenenses
    SL Benfica | Benfica | Benfica Lisbon; Boavista FC | Boavista | Boavista Porto; Estoril Praia | Estoril | GD Estoril Praia
    FC Famalicão; Gil Vicente FC | Gil Vicente; Vitória de Guimarães | Guimaraes | Vitória Guimarães | Vitória SC
    CS Marítimo | Maritimo; Moreirense FC; CD Nacional | Nacional | Nacional Madeira
    FC Paços de Ferreira | Pacos Ferreira | Paços de Ferreira; FC Porto; Rio Ave FC | Rio Ave
    Vitória de Setúbal | Setubal | Vitória Setúbal; SC Braga | Sp Braga | Sporting Braga | Braga
    Sporting CP | Sp Lisbon | Sporting Lisbon | Sporting
  `,
  Turkey: `
    Akhisar Belediyespor | Akhisar | Akhisarspor; Alanyaspor; MKE Ankaragücü | Ankaragucu; Antalyaspor
    Beşiktaş | Besiktas | Beşiktaş JK; Bursaspor; İstanbul Başakşehir | Buyuksehyr | Başakşehir | Istanbul Basaksehir FK
    Eskişehirspor; Fenerbahçe | Fenerbahçe SK; Galatasaray | Galatasaray SK; Gaziantepspor
    Gençlerbirliği | Genclerbirligi SK; Göztepe | Goztep | Göztepe SK; Kasımpaşa | Kasımpaşa SK; Kayserispor; Konyaspor
    Sivasspor; Trabzonspor
  `,
  Greece: `
    AEK Athens | AEK | AEK Athens FC; Aris Thessaloniki | Aris | Aris Saloniki; Asteras Tripolis | Asteras Tripoli
    Atromitos | Atromitos Athens; Ergotelis; PAS Giannina | Giannina; Iraklis | Iraklis Thessaloniki; AO Kerkyra | Kerkyra
    Larissa | Larisa | AE Larissa; Levadiakos | Levadeiakos; OFI Crete | OFI; Olympiacos | Olympiakos | Olympiacos Piraeus
    PAOK | PAOK Thessaloniki | PAOK Salonika; Panathinaikos; Panetolikos; Xanthi | Skoda Xanthi
  `,
} as const;
